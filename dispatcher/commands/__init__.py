"""What people call: a module for each command of `dispatcher`."""
