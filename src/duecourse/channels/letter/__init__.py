"""Letters: set as PDF, handed to a print house as a folder of files, and heard of again by its returns."""
