"""Numerical operations: each lies beside its plain reference."""
