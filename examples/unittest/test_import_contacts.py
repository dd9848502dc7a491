"""Tests of the import, against the whole API."""

import unittest

import httpx
from import_contacts import import_contacts
from leads_api.testing import LeadsService, running_service

FILE = ["company,first name,last name,e-mail", "Acme Inc,Jane,Doe,jane@acme.example", "Best Ltd,Sam,Lee,"]


class ImportContacts(unittest.TestCase):
    """Each test has a service of its own, with an empty database."""

    service: LeadsService

    def setUp(self) -> None:
        self.service = self.enterContext(running_service())

    def test_each_row_becomes_a_lead_with_a_tag(self) -> None:
        ids = import_contacts(FILE, url=self.service.url, key=self.service.key)

        query = {"tag": "imported", "order": "asc"}
        answer = httpx.get(f"{self.service.url}/api/leads", params=query, headers=self.service.headers)
        leads = answer.json()["data"]
        self.assertEqual([lead["id"] for lead in leads], ids)
        self.assertEqual([lead["contact"]["email"] for lead in leads], ["jane@acme.example", None])

    def test_a_wrong_key_imports_nothing(self) -> None:
        with self.assertRaises(httpx.HTTPStatusError):
            import_contacts(FILE, url=self.service.url, key="no key")


if __name__ == "__main__":
    unittest.main()
