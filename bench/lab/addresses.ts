/**
 * The one network plan of all stages: every director gets namespaces of its own, so all of them use the same addresses.
 *
 *     client  10.91.0.1 --- 10.91.0.2 director 10.91.1.2 --- 10.91.1.11, .12 real servers
 *        |                  10.91.0.100 masq, .101 route     10.91.1.21 in the same place, a MAC address nobody has
 *        +------------ 10.91.2.1 --- 10.91.2.11, a wire without director ------+
 *
 * Replies to a routed (DR) service take the wire. The flows of the generator come from 10.92.0.0/16, which leads to nobody either.
 */

export const CLIENT_ADDRESS = '10.91.0.1';
export const DIRECTOR_FRONT = '10.91.0.2';
export const DIRECTOR_BACK = '10.91.1.2';
export const MASQ_ADDRESS = '10.91.0.100';
export const ROUTE_ADDRESS = '10.91.0.101';
export const REAL_SERVERS = ['10.91.1.11', '10.91.1.12'] as const;
/** A real server that only counts: its frames reach the real server's interface, which drops them for their MAC address. */
export const SINK = '10.91.1.21';
export const WIRE_CLIENT = '10.91.2.1';
export const WIRE_SERVER = '10.91.2.11';
export const FLOW_NETWORK = '10.92.0.0/16';
export const FLOW_GATEWAY = '10.91.0.9';

export const HTTP_PORT = 80;
export const BULK_PORT = 5201;
export const SINK_PORT = 9;
export const DELAY_PORT = 7000;

export const MAC = {
  client: '02:00:00:91:00:01',
  front: '02:00:00:91:00:02',
  back: '02:00:00:91:00:03',
  server: '02:00:00:91:00:04',
  nobody: '02:00:00:91:00:99',
} as const;

/** Cores: everything that is not the director, and the director with all kernel work done for it. */
export const ENDPOINT_CORE = 0;
export const DIRECTOR_CORE = 1;
