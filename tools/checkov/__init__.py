"""What checkov finds in the template, and why each finding is accepted. docs/security.md has the table."""
