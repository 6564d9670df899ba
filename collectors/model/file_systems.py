"""Types of file systems, as Linux names them in ``/proc/mounts``. No logic."""

_NETWORK = """
afs beegfs beegfs_nodev ceph cifs dvs fuse.beegfs fuse.ceph fuse.ceph-fuse fuse.glusterfs fuse.juicefs
fuse.quobyte fuse.sshfs gfs2 glusterfs gpfs lustre ncpfs nfs nfs4 ocfs2 orangefs panfs pvfs2 smb3 smbfs
virtiofs wekafs
"""
NETWORK_FILE_SYSTEMS = frozenset(_NETWORK.split())
"""Those whose data other hosts keep, or may be written to by other hosts at the same time."""
_LOCAL = "bcachefs btrfs ext2 ext3 ext4 f2fs overlay ramfs tmpfs xfs zfs"
LOCAL_FILE_SYSTEMS = frozenset(_LOCAL.split())
