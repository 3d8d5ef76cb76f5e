import { engines } from '../support/engines.ts';
import { complianceSuite } from './transport.ts';

for (const engine of engines) complianceSuite(engine);
