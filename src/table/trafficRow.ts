/** What is counted of traffic: one row of doubles for each service, each destination and the total. */
import { layout } from '../memory/layout.ts';

/** Doubles of one row, in this order. */
export const TRAFFIC = layout('connections', 'inPackets', 'outPackets', 'inBytes', 'outBytes');
