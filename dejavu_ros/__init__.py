"""Visual relocalization across seasons with Deja-Vu features.

Imported whenever the generated ``dejavu_ros.msg`` is, so it imports nothing itself.
"""

__version__ = '0.2.0'
