/** What server and client of the status socket agree on. */

/** Where `uvs run` listens and `uvs status` asks, unless told otherwise. */
export const DEFAULT_SOCKET = '/run/uvs/uvs.sock';
/** Connections that one answer lists at most. */
export const MAX_LISTED_CONNECTIONS = 100_000;
