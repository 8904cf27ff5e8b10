// hot path

/**
 * Bounds the ICMP errors that we send, as the kernel does with its defaults: 1000 a second and 50 at once over all
 * (net.ipv4.icmp_msgs_per_sec, icmp_msgs_burst), and for each receiver one a second and 6 at once (icmp_ratelimit). Path-MTU messages
 * are never held back, because without them a connection hangs.
 *
 * Receivers share a table by hash: two that fall into one row take turns to begin anew, which errs on the side of sending.
 */
import { finish, mix } from '../base/hash.ts';
import { Family } from '../base/terms.ts';
import { layout } from '../memory/layout.ts';
import type { Flow } from '../packet/flow.ts';

const MESSAGES_PER_SECOND = 1000;
const BURST_MESSAGES = 50;
/** Time that one message to one receiver costs, and how much of it a receiver may save up. */
const COST_MS_V4 = 1000;
/** The kernel gives a receiver behind a default route sixteen times as many, for it may be a network. */
const COST_MS_V6 = 62;
const BURST_OF_RECEIVER = 6;
const ROWS = 1024;

const RECEIVER = layout('a0', 'a1', 'a2', 'a3', 'savedMs', 'lastMs');

export class IcmpLimiter {
  /** False lets everything through: for recordings that were made without limits. */
  enabled = true;
  #credit = BURST_MESSAGES;
  #last = 0;
  readonly #receivers = new Int32Array(ROWS * RECEIVER.words);

  /** Whether one more may go now to the source of the packet in `flow`, and counts it. */
  allow(flow: Flow, nowMilliseconds: number): boolean {
    if (!this.enabled) return true;
    if (!this.#hasCredit(nowMilliseconds)) return false;
    if (!this.#receiverMay(flow, nowMilliseconds)) return false;
    this.#credit -= 1;
    return true;
  }

  #hasCredit(nowMilliseconds: number): boolean {
    const earned = (((nowMilliseconds - this.#last) | 0) * MESSAGES_PER_SECOND) / 1000;
    if (earned >= 1 || earned < 0) {
      this.#credit = Math.min(BURST_MESSAGES, this.#credit + Math.max(0, earned));
      this.#last = nowMilliseconds;
    }
    return this.#credit >= 1;
  }

  #receiverMay(flow: Flow, nowMilliseconds: number): boolean {
    const rows = this.#receivers;
    const cost = flow.family === Family.v4 ? COST_MS_V4 : COST_MS_V6;
    const most = cost * BURST_OF_RECEIVER;
    const hash = finish(mix(mix(mix(mix(0, flow.source0), flow.source1), flow.source2), flow.source3));
    const row = (hash & (ROWS - 1)) * RECEIVER.words;
    const isNew =
      rows[row + RECEIVER.a3] !== flow.source3 ||
      rows[row + RECEIVER.a2] !== flow.source2 ||
      rows[row + RECEIVER.a1] !== flow.source1 ||
      rows[row + RECEIVER.a0] !== flow.source0;
    const passed = (nowMilliseconds - rows[row + RECEIVER.lastMs]!) | 0;
    // After a long silence the difference wraps and looks negative: by then the receiver has saved all it may.
    const saved = isNew || passed < 0 || passed >= most ? most : Math.min(most, rows[row + RECEIVER.savedMs]! + passed);
    rows[row + RECEIVER.a0] = flow.source0;
    rows[row + RECEIVER.a1] = flow.source1;
    rows[row + RECEIVER.a2] = flow.source2;
    rows[row + RECEIVER.a3] = flow.source3;
    rows[row + RECEIVER.lastMs] = nowMilliseconds;
    const may = saved >= cost;
    rows[row + RECEIVER.savedMs] = may ? saved - cost : saved;
    return may;
  }
}
