"""Files of numpy's arrays -> arrays."""
