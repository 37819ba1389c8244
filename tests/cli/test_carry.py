"""What a command's work returns comes out as it is."""

from service.cli.carry import carry_out
from service.cli.output import Output


class Large:
    """As a pack is: whoever writes it out makes megabytes that nobody asked for."""

    written = 0

    def __repr__(self) -> str:
        self.written += 1
        return "large"


def test_a_result_is_handed_over_and_never_written_out() -> None:
    made = Large()

    async def work() -> Large:
        return made

    assert carry_out(Output(), work) is made
    assert made.written == 0
