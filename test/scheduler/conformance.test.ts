import { SCHEDULERS } from '../../src/scheduler/registry.ts';
import { describeConformance } from './conformance.ts';

for (const plugin of SCHEDULERS) describeConformance(plugin);
