// hot path

/** The virtual ports whose masq connections the FTP helper listens to: 21, or up to eight others (as the kernel's module parameter `ports`). */
import { Protocol } from '../base/terms.ts';
import { DEFAULT_FTP_PORTS } from './actions.ts';
import { ConnectionFlag } from './connectionFlags.ts';

export class FtpPorts {
  #ports = Int32Array.from(DEFAULT_FTP_PORTS);

  /** Replaces them; connections that there are keep their helper. Not on the hot path. */
  set(ports: readonly number[]): void {
    this.#ports = Int32Array.from(ports);
  }

  has(port: number): boolean {
    const ports = this.#ports;
    for (let i = 0; i < ports.length; i++) if (ports[i] === port) return true;
    return false;
  }

  /** Flag of a new masq connection to this port. */
  flagOf(protocol: number, port: number): number {
    return protocol === Protocol.tcp && this.has(port) ? ConnectionFlag.helped : 0;
  }
}
