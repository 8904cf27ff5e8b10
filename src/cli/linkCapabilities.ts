/** Asks the driver of an interface what it can do. */
import { UvsError } from '../base/errors.ts';
import type { LinkCapabilities } from '../control/ioChoice.ts';
import { interfaceFacts } from '../io/interfaceFacts.ts';

/** Undefined when the native helper is not built or the interface is gone. */
export function linkCapabilities(name: string): LinkCapabilities | undefined {
  try {
    const { receiveQueues, txChecksum, tso, gro } = interfaceFacts(name);
    return { receiveQueues, txChecksum, tso, gro };
  } catch (error) {
    if (error instanceof UvsError) return undefined;
    throw error;
  }
}
