"""Spoke & Thread, the invented cycle workshop of the demo: its goods, services and memberships, people and pictures.

`load_demo` brings them in through the same functions as everybody. All names, texts and drawings are our own.
"""
