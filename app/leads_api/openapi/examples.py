"""Examples of request bodies and of successful responses. Examples of errors come from the errors themselves."""

from typing import Any

Json = dict[str, Any]

_CREATED = "2026-06-18T09:30:00.000000Z"
_DATES = {"created": _CREATED, "updated": _CREATED}
_LEAD: Json = {
    "id": 59,
    "title": "Acme - new website",
    "value": "2500.00",
    "status": {"id": 1, "title": "New", "color": "default"},
    "active_state": "active",
    "category": {"id": 3, "name": "Default"},
    "source": "Website",
    "last_contacted": None,
    "description": None,
    "contact": {
        "first_name": "Jane",
        "last_name": "Doe",
        "email": "jane@acme.example",
        "phone": None,
        "job_position": None,
        "company_name": "Acme Inc",
        "website": None,
    },
    "address": {"street": None, "city": None, "state": None, "zip": None, "country": None},
    "converted": {"is_converted": False, "client_id": None, "date": None},
    "assigned": [],
    "tags": [],
    "dates": _DATES,
    "custom_fields": {"lead_custom_field_1": "blue"},
    "comments_count": 0,
    "version": 1,
    "external_id": "crm-4711",
}
_CHANGED: Json = _LEAD | {"dates": _DATES | {"updated": "2026-06-19T14:05:12.250000Z"}, "version": 2}
_PLACE = {"street": None, "city": None, "state": None, "zip": None, "country": None}
_CLIENT: Json = {
    "id": 12,
    "company_name": "Acme Inc",
    "description": None,
    "status": "active",
    "phone": None,
    "website": None,
    "vat": None,
    "category": {"id": 2, "name": "Default"},
    "owner": {"id": 2, "name": "Jane Doe"},
    "billing": _PLACE | {"invoice_due_days": "7"},
    "shipping": _PLACE,
    "dates": _DATES,
    "tags": [],
    "created_from_lead_id": 59,
}
_COMMENT: Json = {
    "id": 9,
    "text": "Called, will send the proposal on Monday.",
    "creator": {"id": 1, "name": "Admin"},
    "dates": {"created": _CREATED},
}
_STATUS: Json = {"id": 8, "title": "On hold", "color": "info", "position": 7, "is_system": False}
_CATEGORY: Json = {"id": 4, "name": "Referrals", "type": "lead", "is_default": False}
_MEMBER: Json = {
    "id": 53,
    "first_name": "Sam",
    "last_name": "Lee",
    "name": "Sam Lee",
    "email": "sam@crm.example",
    "status": "active",
}
_FIELD: Json = {
    "id": 1,
    "name": "lead_custom_field_1",
    "title": "Favourite colour",
    "type": "leads",
    "datatype": "dropdown",
    "options": ["blue", "green"],
    "is_required": False,
    "is_enabled": True,
    "on_standard_form": True,
    "position": 1,
}
_ITEM: Json = {
    "id": 3,
    "text": "Send the proposal",
    "status": "pending",
    "position": 1,
    "resource": {"type": "lead", "id": 59},
    "comments_count": 0,
    "dates": _DATES,
}

BODIES: dict[str, Json] = {
    "LeadInput": {
        "lead_title": "Acme - new website",
        "lead_status": 1,
        "lead_categoryid": 3,
        "lead_firstname": "Jane",
        "lead_lastname": "Doe",
        "lead_email": "jane@acme.example",
        "lead_company_name": "Acme Inc",
        "lead_value": "2500.00",
        "lead_source": "Website",
        "lead_custom_field_1": "blue",
    },
    "LeadBatch": {
        "leads": [
            {
                "lead_title": "Acme - new website",
                "lead_status": 1,
                "lead_categoryid": 3,
                "lead_external_id": "crm-4711",
            },
            {"lead_title": "Globex - new shop", "lead_status": 1, "lead_categoryid": 3, "lead_external_id": "crm-4712"},
        ],
        "on_existing": "update",
    },
    "LeadChanges": {"lead_value": "3000.00", "lead_source": None},
    "LeadStatusChoice": {"status": 3},
    "LeadAssignees": {"assigned": [53]},
    "LeadTags": {"tags": ["priority"]},
    "LeadConvertInput": {
        "first_name": "Jane",
        "last_name": "Doe",
        "email": "jane@acme.example",
        "client_billing_invoice_due_days": 7,
        "send_welcome_email": "yes",
    },
    "LeadCloneInput": {"lead_title": "Acme - second website", "lead_status": 1, "copy_checklist": "on"},
    "LeadMergeInput": {"lead_ids": [60, 71]},
    "CommentInput": {"comment": "Called, will send the proposal on Monday."},
    "LeadStatusInput": {"title": "On hold", "color": "info"},
    "LeadStatusChanges": {"color": "warning"},
    "CategoryInput": {"name": "Referrals", "type": "lead"},
    "CategoryChanges": {"name": "Resellers"},
    "TeamMemberInput": {"first_name": "Sam", "last_name": "Lee", "email": "sam@crm.example"},
    "TeamMemberChanges": {"last_name": "Leigh"},
    "CustomFieldInput": {
        "name": "lead_custom_field_1",
        "title": "Favourite colour",
        "datatype": "dropdown",
        "options": ["blue", "green"],
    },
    "CustomFieldChanges": {"options": ["blue", "green", "red"]},
    "ChecklistItemInput": {
        "checklistresource_type": "lead",
        "checklistresource_id": 59,
        "checklist_text": "Send the proposal",
    },
    "ChecklistItemChanges": {"checklist_text": "Send the proposal by Monday"},
    "ChecklistItemStatusInput": {"status": "completed"},
    "ChecklistPositions": {"checklist_ids": [3, 1, 2]},
}
"""Request bodies, by component."""


def _done(data: Any, message: str) -> Json:
    return {"data": data, "message": message}


def _page(record: Json, message: str, **more: Json) -> Json:
    meta = {"current_page": 1, "per_page": 25, "total": 1, "last_page": 1}
    return {"data": [record], "meta": meta | more, "message": message}


ANSWERS: dict[str, Json] = {
    "name_version_and_links": {
        "name": "Leads",
        "version": "0.1.0",
        "links": {
            "api": "/api",
            "docs": "/docs",
            "openapi": "/openapi.json",
            "live": "/health/live",
            "ready": "/health/ready",
        },
    },
    "check_liveness": {"status": "ok"},
    "check_readiness": {"status": "ok"},
    "list_leads": _page(_LEAD, "Leads retrieved successfully."),
    "create_lead": _done(_LEAD, "Lead created successfully."),
    "create_or_change_several_leads": _done(
        [
            {"status": 200, "id": 59, "version": 2},
            {
                "status": 422,
                "errors": {"lead_status": ["The selected lead status is invalid."]},
            },
        ],
        "Leads written successfully.",
    ),
    "get_lead": _done(_LEAD, "Lead retrieved successfully."),
    "replace_lead": _done(_CHANGED, "Lead updated successfully."),
    "change_lead": _done(_CHANGED | {"value": "3000.00", "source": None}, "Lead updated successfully."),
    "get_lead_by_its_external_id": _done(_LEAD, "Lead retrieved successfully."),
    "create_or_replace_lead_by_its_external_id": _done(_CHANGED, "Lead updated successfully."),
    "create_or_change_lead_by_its_external_id": _done(
        _CHANGED | {"value": "3000.00", "source": None}, "Lead updated successfully."
    ),
    "delete_lead": _done({"id": 59}, "Lead deleted successfully."),
    "set_lead_status": _done(
        _CHANGED | {"status": {"id": 3, "title": "Qualified", "color": "info"}}, "Lead status updated successfully."
    ),
    "set_lead_assignees": _done(
        _CHANGED | {"assigned": [{"id": 53, "name": "Sam Lee"}]}, "Lead assignees updated successfully."
    ),
    "set_lead_tags": _done(_CHANGED | {"tags": ["priority"]}, "Lead tags updated successfully."),
    "archive_lead": _done(_CHANGED | {"active_state": "archived"}, "Lead archived successfully."),
    "activate_archived_lead": _done(_CHANGED | {"version": 3}, "Lead activated successfully."),
    "convert_lead_to_client": _done(_CLIENT, "Lead converted to client successfully."),
    "clone_lead": _done(
        _LEAD | {"id": 60, "title": "Acme - second website", "external_id": None}, "Lead cloned successfully."
    ),
    "merge_leads_into_lead": _done(_CHANGED | {"tags": ["priority", "fair"]}, "Leads merged successfully."),
    "find_lead_duplicates": _done(
        [_LEAD | {"id": 71, "title": "Acme shop", "external_id": None, "matched_on": ["email"]}],
        "Lead duplicates retrieved successfully.",
    ),
    "list_lead_comments": _done([_COMMENT], "Lead comments retrieved successfully."),
    "comment_lead": _done(_COMMENT, "Lead comment added successfully."),
    "delete_comment": _done({"id": 9}, "Lead comment deleted successfully."),
    "list_lead_statuses": _page(_STATUS, "Lead statuses retrieved successfully."),
    "create_lead_status": _done(_STATUS, "Lead status created successfully."),
    "get_lead_status": _done(_STATUS, "Lead status retrieved successfully."),
    "change_lead_status": _done(_STATUS | {"color": "warning"}, "Lead status updated successfully."),
    "delete_lead_status": _done({"id": 8}, "Lead status deleted successfully."),
    "list_categories": _page(_CATEGORY, "Categories retrieved successfully."),
    "create_category": _done(_CATEGORY, "Category created successfully."),
    "get_category": _done(_CATEGORY, "Category retrieved successfully."),
    "rename_category": _done(_CATEGORY | {"name": "Resellers"}, "Category updated successfully."),
    "delete_category": _done({"id": 4}, "Category deleted successfully."),
    "list_team_members": _page(_MEMBER, "Team members retrieved successfully."),
    "add_team_member": _done(_MEMBER, "Team member created successfully."),
    "get_team_member": _done(_MEMBER, "Team member retrieved successfully."),
    "change_team_member": _done(
        _MEMBER | {"last_name": "Leigh", "name": "Sam Leigh"}, "Team member updated successfully."
    ),
    "delete_team_member": _done({"id": 53}, "Team member deleted successfully."),
    "list_custom_fields": _page(_FIELD, "Custom fields retrieved successfully."),
    "create_custom_field": _done(_FIELD, "Custom field created successfully."),
    "get_custom_field": _done(_FIELD, "Custom field retrieved successfully."),
    "change_custom_field": _done(_FIELD | {"options": ["blue", "green", "red"]}, "Custom field updated successfully."),
    "delete_custom_field": _done({"id": 1}, "Custom field deleted successfully."),
    "list_clients": _page(_CLIENT, "Clients retrieved successfully."),
    "get_client": _done(_CLIENT, "Client retrieved successfully."),
    "list_lead_checklist": _page(
        _ITEM, "Checklists retrieved successfully.", progress={"total": 1, "completed": 0, "percentage": 0}
    ),
    "add_checklist_item": _done(_ITEM, "Checklist created successfully."),
    "get_checklist_item": _done(_ITEM, "Checklist retrieved successfully."),
    "change_checklist_item": _done(_ITEM | {"text": "Send the proposal by Monday"}, "Checklist updated successfully."),
    "delete_checklist_item": _done({"id": 3}, "Checklist deleted successfully."),
    "complete_or_reopen_checklist_item": _done(
        _ITEM | {"status": "completed"}, "Checklist status updated successfully."
    ),
    "reorder_checklist": _done({"checklist_ids": [3, 1, 2]}, "Checklist positions updated successfully."),
    "list_checklist_item_comments": _page(_COMMENT, "Checklist comments retrieved successfully."),
    "comment_checklist_item": _done(_COMMENT, "Checklist comment added successfully."),
    "delete_checklist_item_comment": _done({"id": 9}, "Checklist comment deleted successfully."),
}
"""Successful responses, by operation."""
