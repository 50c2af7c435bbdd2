"""What the project trained itself: arrays, their model cards, and the commands that made them."""
