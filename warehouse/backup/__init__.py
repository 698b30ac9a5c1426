"""Backup and restore: everything of a home that cannot be made again, in one file.

Belongs here: what is kept, a moment at which it fits together, the file, putting it back.
Does not belong here: arguments and display (warehouse/backup_command.py).
"""

from warehouse.backup.archive import Header, Seen
from warehouse.backup.create import Made, backup
from warehouse.backup.restore import Restored, restore, verify

__all__ = ["Header", "Made", "Restored", "Seen", "backup", "restore", "verify"]
