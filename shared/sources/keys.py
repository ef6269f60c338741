"""The keys of sources, from SSM's Parameter Store."""

from collections.abc import Mapping


def read_keys(parameters: Mapping[str, str]) -> dict[str, str]:
    """The keys by source, given the names of their parameters. A key goes into its header and nowhere else."""
    if not parameters:
        return {}
    from aws_lambda_powertools.utilities import parameters as store

    return {source: str(store.get_parameter(name, decrypt=True)) for source, name in parameters.items()}
