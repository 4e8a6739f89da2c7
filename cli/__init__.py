"""llmctl: the words and tables that people see. It decides nothing; SQL functions do."""
