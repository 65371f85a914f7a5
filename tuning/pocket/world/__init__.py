"""The pocket world: its facts, its manners, its kinds of documents, in English and Spanish."""
