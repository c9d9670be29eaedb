"""What tests of stratumd and of other people's plugins may use:

fakes on loopback, a virtual clock, a harness.
"""
