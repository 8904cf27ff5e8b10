/** The data plane's messages, by the only door that control has to it, and what a running director says of itself over the API. */
import type { DataPlane, startDataPlane } from '../dataplane/handle.ts';

/** What a worker is started with. */
export type WorkerOptions = Parameters<typeof startDataPlane>[0];
/** One interface that a worker is to open, and by which engine. */
export type InterfaceRequest = WorkerOptions['interfaces'][number];
export type IoKind = InterfaceRequest['io'];
/** What a worker says of its tables and ports. */
export type DataPlaneStatus = Awaited<ReturnType<DataPlane['status']>>;

/** What names a virtual service. */
export type ServiceKey = DataPlaneStatus['services'][number]['key'];

export interface DirectorStatus {
  readonly version: string;
  readonly pid: number;
  readonly configFile: string;
  readonly uptimeSeconds: number;
  readonly dataPlane: DataPlaneStatus;
}
