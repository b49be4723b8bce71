"""The LangChain tools that the library's specs use: one module per group of the catalog."""
