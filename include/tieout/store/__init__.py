"""PostgreSQL: the only package that knows SQLAlchemy. One module per aggregate, values in and out.

Every function takes the transaction first and commits nothing; `session.Store.transaction` does.
"""
