"""The data that flows: typed values, question trees, answers."""
