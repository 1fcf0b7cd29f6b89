"""What one unit of a line stands for, so that a refund of some units is the same whenever it is made."""


def of_units(net: int, tax: int, quantity: int, first: int, units: int) -> tuple[int, int]:
    """Net and tax of `units` units from the `first` (0) on, of a line's stored totals in minor units.

    The units of a line have fixed amounts (as `money.split_evenly` gives them), so that parts refunded in any order add
    up to the line. Raises ValueError for units the line does not have.
    """
    if first < 0 or units < 0 or first + units > quantity:
        raise ValueError("the line has no such units")

    def up_to(total: int, unit: int) -> int:
        return unit * (total // quantity) + min(unit, total % quantity)

    last = first + units
    return up_to(net, last) - up_to(net, first), up_to(tax, last) - up_to(tax, first)
