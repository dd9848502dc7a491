"""Comments: embedded in what they are about, a lead or a to-do item."""
