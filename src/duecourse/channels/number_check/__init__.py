"""Services that say how numbers stand, without a message: HLR look-ups, 空号检测."""
