"""Text from outside, made safe, and text for people: cleaning, search patterns, formats."""
