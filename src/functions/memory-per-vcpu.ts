/** 1 vCPU per 1,769 MiB of a function's memory, as AWS documents for Lambda. */
export const memoryPerVcpuMiB = 1_769;
