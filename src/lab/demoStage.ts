/** What a demonstration needs of a lab, whether it is made of namespaces or simulated. */
import type { DataPlaneStatus } from '../dataplane/messages.ts';
import type { ClientResult } from './clientRequests.ts';
import type { LabServiceOptions } from './labConfig.ts';
import type { LabMethod, LabPlan } from './labPlan.ts';

export interface DemoOptions extends LabServiceOptions {
  readonly method: LabMethod;
  readonly scheduler: string;
  readonly realServers: number;
  readonly requests: number;
  readonly udp: boolean;
  readonly family: 'v4' | 'v6';
  /** As `uvs run --io` takes it. */
  readonly io: string;
}

export interface DemoStage {
  readonly plan: LabPlan;
  /** How the director is attached: `packet`, `xdp`, `tun`, `memory`. */
  readonly io: string;
  /** For a person who wants to look around. */
  readonly hint: string;
  /** Sends `count` requests, one after the other. */
  send(count: number): AsyncIterable<ClientResult>;
  /** Sends a request every `intervalMs` until `signal` is aborted or the stage is closed. */
  sendSteadily(intervalMs: number, signal: AbortSignal): AsyncIterable<ClientResult>;
  status(): Promise<DataPlaneStatus>;
  /** Ends and removes everything; also for a stage that is half built. */
  close(): Promise<void>;
}

/** Told of each step of building a stage once it is done. */
export type ProgressListener = (step: string) => void;
