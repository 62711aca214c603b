"""What borrowers answer: links and visits, what their words mean, and what follows in the book."""
