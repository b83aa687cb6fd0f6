//! A file system that hangs: one file, over FUSE, whose answers are kept back from when it is told to hang until it is
//! mended. Whoever opens or reads the file meanwhile is stuck in the kernel, as on a network mount that is gone.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyEntry, ReplyOpen, Request,
};

use super::Failed;

const FILE: &str = "vault.age";
const FILE_INODE: INodeNo = INodeNo(2);

/// A mounted file system; dropping it unmounts it.
pub(crate) struct Hung {
    state: Arc<State>,
    // Unmounted before its folder is removed.
    session: Option<BackgroundSession>,
    folder: tempfile::TempDir,
}

struct State {
    content: Vec<u8>,
    made: SystemTime,
    hangs: AtomicBool,
    /// What has not been answered. Dropped, each is answered with an I/O error, as by a mount that comes back.
    kept: Mutex<Vec<Kept>>,
}

/// Only ever dropped.
#[allow(dead_code)]
enum Kept {
    Attr(ReplyAttr),
    Data(ReplyData),
    Entry(ReplyEntry),
    Open(ReplyOpen),
}

struct OneFile(Arc<State>);

impl Hung {
    /// Mounts a file system with `content` in its one file, well for now.
    pub(crate) fn mount(content: Vec<u8>) -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let state = Arc::new(State {
            content,
            made: SystemTime::now(),
            hangs: AtomicBool::new(false),
            kept: Mutex::default(),
        });
        let mut config = Config::default();
        config.mount_options = vec![MountOption::RO, MountOption::FSName("cofferdam-hung".into())];
        let session = fuser::spawn_mount(OneFile(Arc::clone(&state)), folder.path(), &config).map_err(|error| {
            format!(
                "a file system that hangs needs FUSE: {error}; where /dev/fuse is there and may be used, install \
                 `fusermount3` (Debian: fuse3)"
            )
        })?;
        Ok(Self { state, session: Some(session), folder })
    }

    /// Its file.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join(FILE)
    }

    /// From now on nothing is answered.
    pub(crate) fn hang(&self) {
        self.state.hangs.store(true, Ordering::SeqCst);
    }

    /// Answers again; who is stuck is told of an I/O error.
    pub(crate) fn mend(&self) {
        self.state.hangs.store(false, Ordering::SeqCst);
        self.state.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        self.mend();
        drop(self.session.take());
    }
}

impl State {
    /// Keeps `reply` back where the file system hangs.
    fn answer<R>(&self, reply: R, keep: fn(R) -> Kept, answer: impl FnOnce(R)) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if self.hangs.load(Ordering::SeqCst) {
            kept.push(keep(reply));
        } else {
            answer(reply);
        }
    }

    fn attributes(&self, inode: INodeNo) -> FileAttr {
        let folder = inode == INodeNo::ROOT;
        FileAttr {
            ino: inode,
            size: if folder { 0 } else { self.content.len() as u64 },
            blocks: 1,
            atime: self.made,
            mtime: self.made,
            ctime: self.made,
            crtime: self.made,
            kind: if folder { FileType::Directory } else { FileType::RegularFile },
            perm: if folder { 0o755 } else { 0o600 },
            nlink: 1,
            uid: rustix::process::getuid().as_raw(),
            gid: rustix::process::getgid().as_raw(),
            rdev: 0,
            blksize: 512,
            flags: 0,
        }
    }
}

// Nothing is left to the kernel's cache: every look at the file is a question.
impl Filesystem for OneFile {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if parent != INodeNo::ROOT || name != FILE {
            return reply.error(Errno::ENOENT);
        }
        self.0.answer(reply, Kept::Entry, |reply| {
            reply.entry(&Duration::ZERO, &self.0.attributes(FILE_INODE), Generation(0));
        });
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        if inode == INodeNo::ROOT {
            return reply.attr(&Duration::ZERO, &self.0.attributes(inode));
        }
        self.0.answer(reply, Kept::Attr, |reply| {
            reply.attr(&Duration::ZERO, &self.0.attributes(inode));
        });
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        self.0.answer(reply, Kept::Open, |reply| reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO));
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        self.0.answer(reply, Kept::Data, |reply| {
            let content = &self.0.content;
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
            let end = start.saturating_add(size as usize).min(content.len());
            reply.data(&content[start..end]);
        });
    }
}
