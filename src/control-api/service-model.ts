import table from './service-model.json' with { type: 'json' };

/** A member of a structure that does not travel in the JSON body. */
export interface BoundMember {
  readonly shape: string;
  readonly in: 'uri' | 'querystring' | 'header';
  readonly name: string;
}

/** A type of the service model with its constraints. */
export interface Shape {
  readonly type: 'structure' | 'list' | 'map' | 'string' | 'integer' | 'long' | 'double' | 'boolean' | 'blob' | 'timestamp';
  readonly members?: Readonly<Record<string, string | BoundMember>>;
  readonly required?: readonly string[];
  /** The member that is the request's body as it is. */
  readonly payload?: string;
  readonly member?: string;
  readonly key?: string;
  readonly value?: string;
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: string;
  readonly enum?: readonly string[];
  /** Its value must not be repeated in an error. */
  readonly sensitive?: boolean;
}

/** An operation of Lambda's API. */
export interface OperationModel {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With `{Name}` for each member that travels in the path, and sometimes a fixed query string. */
  readonly uri: string;
  readonly status: number;
  readonly input?: string;
}

const model = table as unknown as {
  readonly source: { readonly package: string; readonly version: string };
  readonly operations: Readonly<Record<string, OperationModel>>;
  readonly shapes: Readonly<Record<string, Shape>>;
};

/** Every operation of the service model, by name. */
export const operationModels: ReadonlyMap<string, OperationModel> = new Map(Object.entries(model.operations));

const shapes: ReadonlyMap<string, Shape> = new Map(Object.entries(model.shapes));

/** A shape of the service model; one that is not there is a fault of the table. */
export function shapeNamed(name: string): Shape {
  const shape = shapes.get(name);
  if (shape === undefined) throw new Error(`the service model has no shape ${name}`);
  return shape;
}
