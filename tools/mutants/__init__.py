"""Small changes of the code that the tests have to notice: `make mutants`."""
