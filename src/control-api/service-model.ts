import logsTable from './logs/logs-model.json' with { type: 'json' };
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

interface ServiceModel {
  readonly source: { readonly package: string; readonly version: string };
  readonly operations: Readonly<Record<string, OperationModel>>;
  readonly shapes: Readonly<Record<string, Shape>>;
}

const model = table as unknown as ServiceModel;
const logsModel = logsTable as unknown as ServiceModel;

/** Every operation of the service model, by name. */
export const operationModels: ReadonlyMap<string, OperationModel> = new Map(Object.entries(model.operations));

/** Both services have shapes of the same name. */
const logsShapeName = (name: string): string => `logs.${name}`;

const shapes: ReadonlyMap<string, Shape> = new Map([
  ...Object.entries(model.shapes),
  ...Object.entries(logsModel.shapes).map(([name, shape]) => [logsShapeName(name), withLogsNames(shape)] as const),
]);

/** A shape of the service model; one that is not there is a fault of the table. */
export function shapeNamed(name: string): Shape {
  const shape = shapes.get(name);
  if (shape === undefined) throw new Error(`the service model has no shape ${name}`);
  return shape;
}

/** The shape of the input of an operation of CloudWatch Logs. */
export function logsInputShape(operation: string): string {
  const input = logsModel.operations[operation]?.input;
  if (input === undefined) throw new Error(`the model of CloudWatch Logs has no operation ${operation}`);
  return logsShapeName(input);
}

function withLogsNames({ members, member, key, value, ...shape }: Shape): Shape {
  return {
    ...shape,
    ...(member === undefined ? {} : { member: logsShapeName(member) }),
    ...(key === undefined ? {} : { key: logsShapeName(key) }),
    ...(value === undefined ? {} : { value: logsShapeName(value) }),
    // Its members all travel in the body.
    ...(members === undefined ? {} : { members: Object.fromEntries(Object.entries(members).map(([name, to]) => [name, logsShapeName(String(to))])) }),
  };
}
