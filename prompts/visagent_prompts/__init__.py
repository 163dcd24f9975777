"""Role templates, phrases and demonstrations, by language. Data only: no logic."""
