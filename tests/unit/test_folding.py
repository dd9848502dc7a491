"""app/leads_api/folding.py: which texts are the same where, letter by letter."""

import hashlib
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads_api.folding import caseless, caseless_email, letters, phone_digits

LETTERS = {
    "case": {"Acme": "acme", "CAFÉ": "cafe", "ΣΊΣΥΦΟΣ": "σισυφοσ", "ſ": "s", "K": "k"},
    "accents": {
        "Müller": "muller", "e\u0301": "e", "x\u0302": "x", "ñandú": "nandu", "Йод": "иод", "Ёлка": "елка", "ẛ": "s",
        "ᾅδης": "αδησ", "أحمد": "احمد", "שָׁלוֹם": "שלום", "क़": "क",
    },
    "strokes": {
        "Łódź": "lodz", "ŁÓDŹ": "lodz", "Ørsted": "orsted", "Ǿ": "o", "Đà": "da", "ħ": "h", "Ŧ": "t", "Ð": "d",
        "ƀ": "b", "Ⱥ": "a", "ƶ": "z", "ꞧ": "r", "ɨ": "i",
    },
    "dots": {"Ilıca": "ilica", "ILICA": "ilica", "İstanbul": "istanbul", "i\u0307": "i", "ȷ": "j"},
    "ligatures": {
        "Æsir": "aesir", "Ǽ": "ae", "Œuvre": "oeuvre", "Þór": "thor", "Straße": "strasse", "ẞ": "ss", "ﬁne": "fine",
        "ﬃ": "ffi", "ﬅ": "st", "Ĳ": "ij", "Ǆ": "dz", "ǆ": "dz", "Ŀ": "l·", "ŉ": "'n", "և": "եւ", "ﻻ": "لا",
        "ﷲ": "الله", "ﭏ": "אל",
    },
    "quotes and dashes": {
        "‘a’ ‚b‛ ‹c› ʼd": "'a' 'b' 'c' 'd", "“a” „b‟ «c»": '"a" "b" "c"', "‐‑‒–—―−": "-------", "＇＂－": "'\"-",
    },
    "usual forms": {"ｆｕｌｌ": "full", "ﾊﾝ": "ハン", "ℍ": "h", "ﺏ": "ب", "\u3000": " "},
    "what stays": {
        "ハ": "ハ", "パ": "パ", "ﾊﾟ": "パ", "ハ\u309a": "パ", "ガ": "ガ", "か\u309a": "か\u309a", "한국": "한국",
        "日本": "日本", "½ €": "½ €", "№™": "№™", "≠": "≠", "ﷺ": "ﷺ", "ĸ": "ĸ", "ŋ": "ŋ", "Ωmega": "ωmega",
        "ปู": "ปู", "ปุ": "ปุ", "क्या": "क्या", "ғ": "ғ", "": "", "a  b": "a  b",
    },
}  # fmt: skip
ANY = st.text(st.characters(exclude_categories=["Cs"])) | st.text(
    st.sampled_from("aİıßŁﬃẞ\u0301\u0307\u0345\u0327Σς한ハ\u309a")
)
CHARACTERS = [chr(code) for code in range(0x30000) if not 0xD800 <= code < 0xE000]  # all that fold to others
OF_LATER_UNICODE = {*range(0x10EFD, 0x10F00), *range(0x1E030, 0x1E06E), 0x1E08F, *range(0x1E4EC, 0x1E4F0)}
"""What Python 3.12 folds and Python 3.11 does not know."""


@pytest.mark.parametrize("kind", LETTERS)
def test_letters_are_compared_without_case_and_accents(kind: str) -> None:
    assert {text: letters(text) for text in LETTERS[kind]} == LETTERS[kind]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Hot", "hOT", True), ("Café", "cafe\u0301", True), ("STRASSE", "straße", True), ("ΣΊΣΥΦΟΣ", "σίσυφος", True),
        ("\u0390", "\u0399\u0308\u0301", True), ("한", "\u1112\u1161\u11ab", True), ("Å", "\u212b", True),
        ("Café", "Cafe", False), ("İ", "i", False), ("ı", "i", False), ("ﬁ", "fi", True), ("ｆ", "f", False),
    ],
)  # fmt: skip
def test_values_in_any_case_are_compared_by_their_case_folded_nfc_form(one: str, other: str, same: bool) -> None:
    assert (caseless(one) == caseless(other)) is same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Jane@ACME.example", "jane@acme.EXAMPLE", True),
        ("RENÉ@x.example", "rene\u0301@x.example", True),
        ("\u0390@x.example", "\u0399\u0308\u0301@X.example", True),
        ("a@straße.example", "a@strasse.example", False),
        ("a@STRAẞE.example", "a@straße.example", True),
        ("a@münchen.example", "a@xn--mnchen-3ya.example", False),
        ("rené@x.example", "rene@x.example", False),
    ],
)
def test_emails_are_compared_by_their_nfc_form_in_lower_case(one: str, other: str, same: bool) -> None:
    assert (caseless_email(one) == caseless_email(other)) is same


@given(ANY)
def test_a_form_is_its_own_form_and_that_of_all_spellings(text: str) -> None:
    for fold in (caseless, caseless_email, letters):
        assert fold(fold(text)) == fold(text)
        assert fold(normalize("NFD", text)) == fold(normalize("NFC", text)) == fold(text)


def test_no_character_becomes_more_than_eight_bytes() -> None:
    for character in CHARACTERS:
        for fold in (caseless, caseless_email, letters):
            assert len(fold(character).encode()) <= 8 * len(normalize("NFC", character)), character


def test_processes_of_all_pythons_fold_alike() -> None:
    folded = hashlib.sha256()
    for character in CHARACTERS:
        if ord(character) not in OF_LATER_UNICODE:
            folded.update("\0".join(fold(f"a{character}") for fold in (caseless, caseless_email, letters)).encode())

    assert folded.hexdigest() == "509e53d74ff12f9e663bacc8e472c1a67535fb8dba08ffd1f33273d274d61266"


@pytest.mark.parametrize(
    ("phone", "digits"),
    [
        ("+49 (30) 1234567", "49301234567"),
        ("0049301234567", "49301234567"),
        ("+0049301234567", "49301234567"),
        ("030/123 45 67", "0301234567"),
        ("555-0100 ext. 5", "55501005"),
        ("٠٠٤٩ ٣٠ ١٢٣٤٥٦٧", "49301234567"),
        ("０３０１２３４５６７", "0301234567"),
        ("1234567", "1234567"),
        ("123456", None),
        ("00123456", None),
        ("001234567", "1234567"),
        ("00001234567", "001234567"),
        ("¹²³⁴⁵⁶⁷", None),
        ("Ⅶ一二三四五六七", None),
        ("", None),
    ],
)
def test_a_phone_is_compared_by_its_digits(phone: str, digits: str | None) -> None:
    assert phone_digits(phone) == digits


@given(st.text(st.characters(exclude_categories=["Cs"])) | st.text(st.sampled_from("0123456789+ ()-٠٩०९０９²")))
def test_the_digits_of_a_phone_are_ascii_and_seven_at_least_and_compare_as_themselves(phone: str) -> None:
    digits = phone_digits(phone)

    if digits is not None:
        assert digits.isascii()
        assert digits.isdigit()
        assert len(digits) >= 7
        assert phone_digits(f"+{digits}") == phone_digits(digits)
        assert phone_digits(normalize("NFC", phone)) == digits
