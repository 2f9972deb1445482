/** Whose files the session's are. */
export interface User {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Does something with the file system as another user: what it makes belongs to that user, and a link that
 * the user left behind leads it nowhere the user could not go. Synchronous, since it is the process that
 * changes its user.
 */
export function asUser<T>(user: User, work: () => T): T {
  const { geteuid, getegid, seteuid, setegid } = process;
  const uid = geteuid?.();
  const gid = getegid?.();
  if (uid === undefined || gid === undefined || uid === user.uid) return work();
  setegid?.(user.gid);
  seteuid?.(user.uid);
  try {
    return work();
  } finally {
    seteuid?.(uid);
    setegid?.(gid);
  }
}
