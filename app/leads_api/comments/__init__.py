"""Comments, embedded in the document of a lead or a checklist item."""
