"""What did a project go through, and what must whoever takes it over get right? Made up, and known to the last word."""
