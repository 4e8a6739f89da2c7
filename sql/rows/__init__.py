"""What the SQL functions take and return, a struct for each, by those who call them."""
