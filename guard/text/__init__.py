"""Pure text work: cutting into windows, joining across seams, undoing escapes; always with a map back."""
