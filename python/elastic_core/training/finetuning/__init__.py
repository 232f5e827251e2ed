"""Fine-tuning: rows and a recipe turn one model into another."""
