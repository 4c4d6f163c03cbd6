"""One module for each outside thing; foreign errors become ours here, once."""
