"""What is made of a finished run: its summary, turning movements, counts with other lines, the annotated video."""
