/**
 * Memory that the control side may read while the worker writes. Where the platform has no SharedArrayBuffer (a page that is not
 * isolated), an ordinary buffer: then there is one thread and nobody to share with.
 */
export function sharedBuffer(bytes: number): SharedArrayBuffer | ArrayBuffer {
  return typeof SharedArrayBuffer === 'undefined' ? new ArrayBuffer(bytes) : new SharedArrayBuffer(bytes);
}
