import { z } from 'zod';
import { fileShape } from './file-shape.js';

/** The JSON Schema of `corridor.yaml`, for editors. What one member says about another it cannot tell: `corridor apply --dry-run` does. */
export function catalogueJsonSchema(): Record<string, unknown> {
  // draft 7, since the YAML language server knows nothing newer by default
  const { $schema, ...schema } = z.toJSONSchema(fileShape, { target: 'draft-7', io: 'input' });
  return {
    $schema,
    title: 'corridor.yaml',
    description: 'What Corridor brokers: authorization servers, resources, purposes, workflows, clients and runtimes',
    ...schema,
  };
}
