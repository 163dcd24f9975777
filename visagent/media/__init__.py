"""Load pictures, videos, sound and documents safely."""
