"""What all pages share: one file that asks for nothing outside itself, its look, its pictures and its curves."""
