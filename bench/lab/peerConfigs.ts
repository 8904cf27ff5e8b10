/** What the peers are configured with: the same services on the same addresses, one worker, no logs. */
import { join } from 'node:path';
import * as plan from './addresses.ts';
import type { Stage } from './stage.ts';

const [SERVER_A, SERVER_B] = plan.REAL_SERVERS;
const NGINX_MODULES = '/usr/lib/nginx/modules';

/** nftables as a load balancer, as its wiki has it. */
export function nftRules(choice: 'jhash' | 'numgen'): string {
  const pick = choice === 'jhash' ? 'jhash ip saddr . tcp sport mod 2' : 'numgen inc mod 2';
  const rule = (port: number, a: string, b: string) =>
    `    ip daddr ${plan.MASQ_ADDRESS} tcp dport ${port} dnat to ${pick} map { 0 : ${a}, 1 : ${b} };`;
  return [
    'table ip uvsbench {',
    '  chain pre {',
    '    type nat hook prerouting priority dstnat; policy accept;',
    rule(plan.HTTP_PORT, SERVER_A, SERVER_B),
    rule(plan.SINK_PORT, plan.SINK, plan.SINK),
    `    ip daddr ${plan.MASQ_ADDRESS} tcp dport ${plan.BULK_PORT} dnat to ${SERVER_A};`,
    `    ip daddr ${plan.MASQ_ADDRESS} udp dport { ${plan.BULK_PORT}, ${plan.DELAY_PORT} } dnat to ${SERVER_A};`,
    '  }',
    '}',
    '',
  ].join('\n');
}

/** Direct server return by nftables: a new MAC address at ingress, and out at the other side, without state. */
export function nftDsrRules({ front, back }: Stage): string {
  const rule = (port: number, a: string, b: string) =>
    `    ip daddr ${plan.ROUTE_ADDRESS} tcp dport ${port} ether saddr set ${plan.MAC.back} ether daddr set ` +
    `jhash ip saddr . tcp sport mod 2 map { 0 : ${a}, 1 : ${b} } fwd to "${back}";`;
  return [
    'table netdev uvsbench {',
    '  chain ingress {',
    `    type filter hook ingress device "${front}" priority 0; policy accept;`,
    rule(plan.HTTP_PORT, plan.MAC.server, plan.MAC.server),
    rule(plan.SINK_PORT, plan.MAC.nobody, plan.MAC.nobody),
    '  }',
    '}',
    '',
  ].join('\n');
}

/** Drops what a tap in front of it has seen of the routed service. */
export function nftDropRules(front: string): string {
  return [
    'table netdev uvsbench {',
    '  chain ingress {',
    `    type filter hook ingress device "${front}" priority 0; policy accept;`,
    `    ip daddr ${plan.ROUTE_ADDRESS} drop;`,
    '  }',
    '}',
    '',
  ].join('\n');
}

/** Kernel IPVS, with ipvsadm. */
export function ipvsScript(): string {
  const service = (protocol: '-t' | '-u', address: string, port: number, servers: readonly string[], method: '-m' | '-g') => [
    `ipvsadm -A ${protocol} ${address}:${port} -s rr`,
    ...servers.map((server) => `ipvsadm -a ${protocol} ${address}:${port} -r ${server}:${port} ${method}`),
  ];
  const both = [
    [plan.MASQ_ADDRESS, '-m'],
    [plan.ROUTE_ADDRESS, '-g'],
  ] as const;
  const lines = both.flatMap(([address, method]) => [
    ...service('-t', address, plan.HTTP_PORT, plan.REAL_SERVERS, method),
    ...service('-t', address, plan.SINK_PORT, [plan.SINK], method),
    ...service('-t', address, plan.BULK_PORT, [SERVER_A], method),
    ...service('-u', address, plan.BULK_PORT, [SERVER_A], method),
    ...service('-u', address, plan.DELAY_PORT, [SERVER_A], method),
  ]);
  return `set -e\necho 1 > /proc/sys/net/ipv4/vs/conntrack || true\n${lines.join('\n')}\n`;
}

/** One thread; `maxconn` below the usual limit of descriptors, or it would not start. */
export function haproxyConfig(): string {
  const [a, b] = plan.REAL_SERVERS;
  return `global
  maxconn 4096
  nbthread 1
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
listen http
  bind ${plan.MASQ_ADDRESS}:${plan.HTTP_PORT}
  balance roundrobin
  server a ${a}:${plan.HTTP_PORT}
  server b ${b}:${plan.HTTP_PORT}
listen bulk
  bind ${plan.MASQ_ADDRESS}:${plan.BULK_PORT}
  server a ${a}:${plan.BULK_PORT}
`;
}

/** nginx as a layer-4 proxy. @param name of the stage, for the file of its process id */
export function nginxStreamConfig(folder: string, name: string): string {
  const upstream = (label: string, port: number) =>
    `upstream ${label} { ${plan.REAL_SERVERS.map((server) => `server ${server}:${port};`).join(' ')} }`;
  return `load_module ${NGINX_MODULES}/ngx_stream_module.so;
daemon off;
worker_processes 1;
pid ${join(folder, `${name}-stream.pid`)};
events { worker_connections 8192; }
stream {
  ${upstream('http', plan.HTTP_PORT)}
  ${upstream('bulk', plan.BULK_PORT)}
  server { listen ${plan.MASQ_ADDRESS}:${plan.HTTP_PORT} backlog=4096; proxy_pass http; }
  server { listen ${plan.MASQ_ADDRESS}:${plan.BULK_PORT}; proxy_pass bulk; }
}
`;
}

/** The real server: nginx that answers a few bytes from memory. */
export function realServerConfig(folder: string, name: string): string {
  return `daemon off;
worker_processes 1;
pid ${join(folder, `${name}-http.pid`)};
events { worker_connections 8192; multi_accept on; }
http {
  access_log off;
  keepalive_requests 100000000;
  server { listen ${plan.HTTP_PORT} backlog=4096; location / { return 200 "a real server\\n"; } }
}
`;
}

/** For `uvs run --config`. @param methods which of the two virtual addresses it serves */
export function uvsConfig({ front, back }: Stage, methods: readonly ('masq' | 'route')[]): string {
  const service = (protocol: string, address: string, method: string, port: number, servers: readonly string[]) =>
    `  - address: ${protocol} ${address}:${port}\n    scheduler: rr\n    method: ${method}\n    realServers:\n` +
    servers.map((server) => `      - { address: "${server}:${port}" }\n`).join('');
  const services = methods.map((method) => {
    const address = method === 'masq' ? plan.MASQ_ADDRESS : plan.ROUTE_ADDRESS;
    return (
      service('tcp', address, method, plan.HTTP_PORT, plan.REAL_SERVERS) +
      service('tcp', address, method, plan.SINK_PORT, [plan.SINK]) +
      service('tcp', address, method, plan.BULK_PORT, [SERVER_A]) +
      service('udp', address, method, plan.BULK_PORT, [SERVER_A]) +
      service('udp', address, method, plan.DELAY_PORT, [SERVER_A])
    );
  });
  return `interfaces: [${front}, ${back}]\nlimits: { connections: 262144 }\nservices:\n${services.join('')}`;
}
