// hot path

/**
 * Bounds the ICMP errors that we send, as the kernel does: 1000 a second, 50 at once (net.ipv4.icmp_msgs_per_sec, icmp_msgs_burst).
 */
const MESSAGES_PER_SECOND = 1000;
const BURST_MESSAGES = 50;

export class IcmpLimiter {
  #credit = BURST_MESSAGES;
  #last = 0;

  /** Whether one more may go now, and counts it. */
  allow(nowMilliseconds: number): boolean {
    const earned = (((nowMilliseconds - this.#last) | 0) * MESSAGES_PER_SECOND) / 1000;
    if (earned >= 1) {
      this.#credit = Math.min(BURST_MESSAGES, this.#credit + earned);
      this.#last = nowMilliseconds;
    }
    if (this.#credit < 1) return false;
    this.#credit -= 1;
    return true;
  }
}
