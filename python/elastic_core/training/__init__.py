"""Pre-training and fine-tuning, each behind one signature."""
